import type { Logger } from 'pino';

/**
 * Opens an address in the user's browser. If there is none, as on a server, it only logs the address. The environment variable
 * `BROWSER` selects another browser (Linux only); `none` opens nothing.
 */
export async function openInBrowser(url: string, logger: Logger): Promise<void> {
  const { BROWSER: browser } = process.env as Readonly<Record<string, string>>;
  if (browser === 'none') return;
  const onFailure = (err?: unknown): void =>
    logger.info({ url, err }, 'no browser could be opened: open the address yourself');
  try {
    // An ES module that most runs don't need.
    const { default: open } = await import('open');
    const launcher = await open(url);
    launcher.once('exit', (code) => {
      if (code !== 0) onFailure();
    });
  } catch (err) {
    onFailure(err);
  }
}
