/** What can be made wrong on purpose, one at a time, to see whether the exploration notices. */
export const MISTAKES = {
  acknowledgeBeforeReady:
    'the backend acknowledges, and gives the request to the application, before `ready`',
  announceAfterSend: 'the broker writes to the client after the handle has left',
  reconnectWhateverFailed: 'the broker writes `reconnect` after any failure, though the handle is out',
  claimPerRoute: 'the backend claims an id once for each route',
  forgetClaims: 'the claim table drops an id whose stamp is still good',
  acceptAnyAttach: 'a backend takes an attach that names another process',
  refuseAfterClaim: 'the backend claims the id and then refuses the handle',
  refuseAndKeep: 'the backend refuses a handle and keeps its copy',
  keepCopyAtDeadline: 'the broker keeps its copy of the connection when the deadline has passed',
  sendAfterDeadline: 'the broker sends a handle of which the deadline has passed',
  endBeforeAnswers: 'the broker takes the end of a process for the end of what it had said',
  answersByOrder: 'the broker takes an answer for the first handle in flight, whatever its token',
  knowsElsewhere: 'the broker hands a client that knows one process to another',
  unannouncedThoughOld: 'the broker counts on what a client knows, however old its stamp is',
  repeatAfterReady: 'the client begins again when it loses a connection after `ready`',
  deadlineBeforeBroker: 'the client waits less long than the broker',
  claimedIsFailure: 'the client takes `claimed` for the end of the round',
  attachAgain: 'the client attaches again after `claimed`, without an end',
  errorIsFailure:
    'the client takes an error on one route for the end of the round, though the other is in use',
  dropHandlesUnclosed: 'a backend whose broker is dead drops the handles in its channel without closing them',
  waitForEverAtEnd: 'the client does not use the second route when the first one ends',
} as const;

export type Mistake = keyof typeof MISTAKES;
