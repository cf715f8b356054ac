const EVENTS = ['unhandledRejection', 'uncaughtException'] as const;

/** Makes each test of the surrounding `describe` fail if something is thrown into the event loop. */
export function expectNoUnhandled(): void {
  const unhandled: unknown[] = [];
  const onUnhandled = (cause: unknown): void => void unhandled.push(cause);
  beforeEach(() => {
    unhandled.length = 0;
    for (const event of EVENTS) process.on(event, onUnhandled);
  });
  afterEach(async () => {
    // Node tells of a rejection when the microtasks are done.
    await new Promise(setImmediate);
    for (const event of EVENTS) process.off(event, onUnhandled);
    expect(unhandled).toEqual([]);
  });
}
