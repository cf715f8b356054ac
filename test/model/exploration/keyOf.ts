import { transferOf } from './broker';
import type { Process, Round, World } from './World';

const STATUSES = ['unborn', 'up', 'leaving', 'dead'];
const CHANNELS = ['none', 'open', 'ended', 'lost'];
const ANSWERS = ['ack', 'permission', 'claimed', 'expired', 'busy', 'clientLeft'];

function keyOfRound(round: Round): string {
  const numbers = String.fromCharCode(
    round.node + 1,
    round.transfer + 1,
    round.client * 9 + round.target * 3 + round.knows,
    round.won * 81 + round.hello * 27 + round.loss * 9 + round.inChannelOf * 3 + round.backendHolds,
    round.secondAt * 81 + round.secondHeld * 27 + round.transferTo * 9 + round.claim * 3 + round.claimedIn,
    round.firstStage * 64 + round.secondStage * 16 + round.readyRoutes * 4 + round.ranRoutes,
    round.grants * 512 +
      round.isLost * 256 +
      round.firstOpen * 128 +
      round.brokerHolds * 64 +
      round.secondOpen * 32 +
      round.isUnannounced * 16 +
      round.isSending * 8 +
      round.isOld * 4 +
      round.isDue * 2 +
      round.isExpired,
    round.hasAcked * 16 + round.isOver * 8 + round.owesAck * 4 + round.hasExcuse * 2 + round.wasReadOld,
  );
  return `${numbers}${round.firstFrames}.${round.secondFrames}.${round.wrong}`;
}

function keyOfProcess({ status, channel, handles, answers }: Process): string {
  const said = answers.map(({ round, says }) => `${round}${ANSWERS.indexOf(says)}`).join('');
  return `${STATUSES.indexOf(status)}${CHANNELS.indexOf(channel)}${handles.join('')}.${said}`;
}

/** What of a round that another one has followed can still matter: nothing but what is under way. */
function leftOf(round: Round): Round {
  const isPending = transferOf(round)?.isOver === false || round.isSending === 1;
  if (round.hello === 1 || isPending) return round;
  const after = {
    ...round,
    transfer: -1,
    transferTo: 0,
    knows: 0,
    isOld: 0,
    wasReadOld: 0,
    isUnannounced: 0,
    isDue: 0,
    hasAcked: 0,
  } as const;
  const mayBeLetIn = round.inChannelOf !== 0 || round.secondAt !== 0;
  return mayBeLetIn ? after : { ...after, target: 0, claim: 0, claimedIn: 0, grants: 0, isExpired: 0 };
}

/** A name that tells worlds apart in which different things can happen. */
export function keyOf(world: World): string {
  const { rounds, isBrokerUp, current, processes, faultsLeft } = world;
  const keysOfRounds = rounds
    .map((round, index) => {
      const isFollowed = rounds.some(({ client }, at) => at > index && client === round.client);
      return keyOfRound(isFollowed ? leftOf(round) : round);
    })
    .join('/');
  return `${isBrokerUp ? 1 : 0}${current}${faultsLeft}${keyOfProcess(processes[0])}/${keyOfProcess(processes[1])}/${keysOfRounds}`;
}
