import type { Logger } from 'pino';

/**
 * Opens an address in the user's browser. A host without one, such as a server, is no failure: the address is in the
 * log. The environment variable `BROWSER` names another browser where the system heeds it (Linux); `none` opens nothing.
 */
export async function openInBrowser(url: string, logger: Logger): Promise<void> {
  const { BROWSER: browser } = process.env as Readonly<Record<string, string>>;
  if (browser === 'none') return;
  const onFailure = (err?: unknown): void =>
    logger.info({ url, err }, 'no browser could be opened: open the address yourself');
  try {
    // An ES module, and of no use to most runs.
    const { default: open } = await import('open');
    const launcher = await open(url);
    launcher.once('exit', (code) => {
      if (code !== 0) onFailure();
    });
  } catch (err) {
    onFailure(err);
  }
}
