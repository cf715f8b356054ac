import { parseArgs } from 'node:util';
import type { Mistake } from './mistakes';
import { exploreProtocol } from './protocol';
import { sequenceDiagram } from './sequenceDiagram';

// Explores within larger bounds than the tests: npm run explore -- --rounds 3 --faults 3

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '2' },
    faults: { type: 'string', default: '2' },
    onlyAttempts: { type: 'boolean', default: false },
    mistake: { type: 'string' },
  },
});
const { violation, ...counts } = exploreProtocol({
  clients: Number(values.clients),
  rounds: Number(values.rounds),
  faults: Number(values.faults),
  onlyAttempts: values.onlyAttempts,
  ...(values.mistake !== undefined && { mistake: values.mistake as Mistake }),
});
process.stdout.write(`${JSON.stringify(counts)}\n`);
if (violation !== undefined) {
  process.stdout.write(`${violation.problem}\n${sequenceDiagram(violation.trace)}\n`);
  process.exitCode = 1;
}
