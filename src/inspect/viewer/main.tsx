import { render } from 'preact';
import './viewer.css';
import type { RelayMessage } from '../messages/InspectionMessage';
import { CHART_FONTS } from './chart/chartMetrics';
import { createLayout } from './chart/createLayout';
import { createMeasure } from './chart/createMeasure';
import { App } from './parts/App';
import { Connection } from './store/Connection';
import { InspectionStore } from './store/InspectionStore';
import { receiveFromOpener } from './store/receiveFromOpener';
import { ViewerState } from './store/ViewerState';

const store = new InspectionStore();
const state = new ViewerState(store);
const receive = (messages: readonly RelayMessage[]) => {
  for (const message of messages) store.receive(message);
};
state.connection = new Connection(receive, () => {
  state.version++;
});
receiveFromOpener(receive);

const root = document.getElementById('app');
// Load the fonts first: the layout measures texts.
Promise.all(Object.values(CHART_FONTS).map((font) => document.fonts.load(font))).finally(() => {
  if (root) render(<App state={state} layout={createLayout()} measure={createMeasure()} />, root);
});
