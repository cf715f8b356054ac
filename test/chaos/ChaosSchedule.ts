import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosProcess, ChaosProcesses } from './ChaosProcesses';
import type { Random } from './Random';
import { ROGUE_STEPS, rogueClient } from './rogueClient';

const SHORTEST_PAUSE_MS = 30;
const LONGEST_PAUSE_MS = 300;

const BACKEND_FAULTS = [
  'kill',
  'stop',
  'stop',
  'block',
  'block',
  'fillDescriptors',
  'breakAccepted',
  'dropAck',
  'delayAck',
  'duplicateAck',
  'forgeAck',
  'dieOnHandle',
  'dieOnReady',
  'dieOnAck',
] as const;
const BROKER_FAULTS = ['kill', 'stop', 'block', 'fillDescriptors', 'breakAccepted', 'dieAt'] as const;

const DEATHS_IN_TRANSFER = ['issued', 'announced', 'sent', 'acknowledged'] as const;

/** Decides by a seed what goes wrong, and when. */
export class ChaosSchedule {
  /** Faults, each with its count. */
  readonly faults: Record<string, number> = {};
  readonly #processes: ChaosProcesses;
  readonly #services: readonly [string, ...string[]];
  readonly #random: Random;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(processes: ChaosProcesses, services: readonly [string, ...string[]], random: Random) {
    this.#processes = processes;
    this.#services = services;
    this.#random = random;
  }

  async run(durationMs: number): Promise<void> {
    const end = performance.now() + durationMs;
    while (performance.now() < end) {
      const draw = this.#random.between(0, 9);
      const service = this.#random.pick(this.#services);
      if (draw < 4) this.#breakClient(service);
      else if (draw < 8) this.#breakBackend(service);
      else this.#breakBroker();
      await sleep(this.#random.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS));
    }
    await Promise.all(this.#pending);
  }

  #breakClient(service: string): void {
    const step = this.#random.pick(ROGUE_STEPS);
    this.#count(`client.${step}`);
    this.#track(rogueClient(this.#processes.socketPath, service, step));
  }

  #breakBackend(service: string): void {
    const fault = this.#random.pick(BACKEND_FAULTS);
    const ms = this.#random.between(20, 800);
    const count = this.#random.between(1, 5);
    const backend = this.#processes.running.find(
      ({ role, name, ready }) => role === 'backend' && name === service && ready,
    );
    if (backend === undefined) return;
    this.#count(`backend.${fault}`);
    switch (fault) {
      case 'kill':
        this.#processes.kill(backend);
        return;
      case 'stop':
        this.#stop(backend, ms);
        return;
      case 'block':
      case 'fillDescriptors':
        this.#processes.tell(backend, { fault, ms });
        return;
      case 'dieOnHandle':
      case 'dieOnReady':
      case 'dieOnAck':
        this.#processes.doomed.add(backend.pid);
        this.#processes.tell(backend, { fault });
        return;
      case 'delayAck':
        this.#processes.tell(backend, { fault, count, ms });
        return;
      default:
        this.#processes.tell(backend, { fault, count });
    }
  }

  #breakBroker(): void {
    const fault = this.#random.pick(BROKER_FAULTS);
    const ms = this.#random.between(20, 800);
    const count = this.#random.between(1, 10);
    const state = this.#random.pick(DEATHS_IN_TRANSFER);
    const { broker } = this.#processes;
    if (broker?.ready !== true) return;
    this.#count(fault === 'dieAt' ? `broker.dieAt.${state}` : `broker.${fault}`);
    switch (fault) {
      case 'kill':
        this.#processes.kill(broker);
        return;
      case 'stop':
        this.#stop(broker, ms);
        return;
      case 'dieAt':
        this.#processes.doomed.add(broker.pid);
        this.#processes.tell(broker, { fault, state });
        return;
      case 'breakAccepted':
        this.#processes.tell(broker, { fault, count });
        return;
      default:
        this.#processes.tell(broker, { fault, ms });
    }
  }

  #stop(process: ChaosProcess, ms: number): void {
    this.#processes.signal(process, 'SIGSTOP');
    process.stopped = true;
    this.#track(
      sleep(ms).then(() => {
        this.#processes.signal(process, 'SIGCONT');
        process.stopped = false;
      }),
    );
  }

  #count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  #track(work: Promise<unknown>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }
}
