/** A page that frames a hosted inspector and passes the relay's messages to it only. */
export function statelyBridgePage(inspector: URL): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Stately Inspector</title>
<link rel="stylesheet" href="/stately.css">
<iframe title="Stately Inspector" src="${inspector.href.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}" data-origin="${inspector.origin}"></iframe>
<script src="/stately.js"></script>
</html>
`;
}

/** The page's style. */
export const STATELY_BRIDGE_STYLE = `html, body { margin: 0; height: 100% }
iframe { display: block; width: 100%; height: 100%; border: 0 }
`;

/** The page's script. It connects only when the inspector is ready, and then gets the current state first. */
export const STATELY_BRIDGE_SCRIPT = `'use strict';
const frame = document.querySelector('iframe');
const target = frame.dataset.origin;
let socket;
addEventListener('message', ({ source, origin, data }) => {
  if (source !== frame.contentWindow || origin !== target || data?.type !== '@statelyai.connected') return;
  // Reconnect at each load of the frame, so that the inspector gets the current state.
  socket?.close();
  socket = new WebSocket('ws://' + location.host + '/');
  socket.onmessage = (message) => frame.contentWindow.postMessage(JSON.parse(message.data), target);
});
`;
