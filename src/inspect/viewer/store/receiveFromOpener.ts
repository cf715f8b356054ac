import type { StatelyInspectionMessage } from '../../messages/InspectionMessage';
import { fromOpener } from './fromOpener';

/**
 * Also receives messages from a page on this host that opened or framed this one, as `createBrowserInspector({ url })` and
 * `createInspectorServer({ url })` of `@statelyai/inspect` do.
 */
export function receiveFromOpener(receive: (messages: readonly StatelyInspectionMessage[]) => void): void {
  const opener: Window | null = window.parent === window ? window.opener : window.parent;
  if (!opener) return;
  addEventListener('message', ({ source, origin, data }) => {
    if (source !== opener || !isLocal(origin)) return;
    const message = fromOpener(data);
    if (message) receive([message]);
  });
  // A page that frames this one sends only after its frame has loaded and asked.
  const ask = () => opener.postMessage({ type: '@statelyai.connected' }, '*');
  if (document.readyState === 'complete') ask();
  else addEventListener('load', ask);
}

function isLocal(origin: string): boolean {
  return URL.canParse(origin) && /^(127\.0\.0\.1|localhost)$/.test(new URL(origin).hostname);
}
