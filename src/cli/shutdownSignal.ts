const EXIT_ON_SECOND_SIGNAL = 130;

/** Aborts on the first SIGINT or SIGTERM for a clean shutdown. The second one exits at once with status 130. */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_ON_SECOND_SIGNAL);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}
