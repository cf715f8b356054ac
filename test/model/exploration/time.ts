import { transferOf } from './broker';
import { stateOf } from './client';
import { type Component, fault, type WorldStep, withRound } from './World';

/**
 * Time: it passes at any moment, and nobody notices at once. A process that is stopped is one whose next step comes late, so
 * it needs nothing of its own.
 */
export const timeSteps: Component = (world) => {
  const steps: WorldStep[] = [];
  const add = (text: string, next: WorldStep['next'], isFault = false): void => {
    steps.push({ from: 'time', to: 'time', text, isFault, next });
  };
  world.rounds.forEach((round, index) => {
    const isTrying = stateOf(round) === 'trying';
    const transfer = transferOf(round);
    const isPending = transfer !== undefined && !transfer.isOver;
    if (round.knows !== 0 && round.isOld === 0 && isTrying && round.transferTo === 0) {
      add('the stamp of the hello is old', withRound(world, index, { isOld: 1 }));
    }
    if (round.transferTo !== 0 && round.isDue === 0 && (isTrying || isPending)) {
      add("the backend's time is over", withRound(world, index, { isDue: 1 }));
    }
    if (world.faultsLeft > 0 && round.isExpired === 0 && (isTrying || isPending || round.inChannelOf !== 0)) {
      add('the id is too old to be claimed', withRound(fault(world), index, { isExpired: 1 }), true);
    }
  });
  return steps;
};
