import { createActor } from 'xstate';
import { FEATURE_MACHINES } from './featureMachines';

/** By the machine's feature, then by the client's `serializationDepthLimit`. */
export type ClientDefinitions = Readonly<Record<string, Readonly<Record<number, string>>>>;

// A process of its own, since Jest can't load the client, which is an ES module. Writes `ClientDefinitions` as JSON.
async function main(limits: readonly number[]): Promise<void> {
  const { createInspector } = await import('@statelyai/inspect');
  const sent: Record<string, Record<number, string>> = {};
  for (const [feature, machine] of Object.entries(FEATURE_MACHINES)) {
    const byLimit: Record<number, string> = {};
    for (const serializationDepthLimit of limits) {
      const send = (message: object) => {
        if ('definition' in message) byLimit[serializationDepthLimit] = String(message.definition);
      };
      createInspector({ send }, { serializationDepthLimit }).actor(createActor(machine));
    }
    sent[feature] = byLimit;
  }
  process.stdout.write(JSON.stringify(sent));
}

void main(process.argv.slice(2).map(Number));
