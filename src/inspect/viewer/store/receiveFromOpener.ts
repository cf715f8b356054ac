import type { StatelyInspectionMessage } from '../../InspectionMessage';

const TYPES: readonly string[] = ['@xstate.actor', '@xstate.event', '@xstate.snapshot'];

/**
 * Also takes the messages of a page on this host that opened or framed this one: `createBrowserInspector({ url })` and
 * `createInspectorServer({ url })` of `@statelyai/inspect` do.
 */
export function receiveFromOpener(receive: (messages: readonly StatelyInspectionMessage[]) => void): void {
  const opener: Window | null = window.parent === window ? window.opener : window.parent;
  if (!opener) return;
  addEventListener('message', ({ source, origin, data }) => {
    if (source !== opener || !isLocal(origin) || !TYPES.includes(data?.type)) return;
    if (typeof data.sessionId === 'string') receive([data]);
  });
  opener.postMessage({ type: '@statelyai.connected' }, '*');
}

function isLocal(origin: string): boolean {
  return URL.canParse(origin) && /^(127\.0\.0\.1|localhost)$/.test(new URL(origin).hostname);
}
