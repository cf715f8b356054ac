import { BATCHED_QUERY, type RelayMessage } from '../../messages/InspectionMessage';
import type { ConnectionStatus } from './ConnectionStatus';

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 3_000;

/** The WebSocket to the relay that served the page. Reconnects by itself. */
export class Connection {
  status: ConnectionStatus = 'connecting';
  /** When the connection was lost, in milliseconds since 1970; undefined if it's open or never was. */
  lostAt: number | undefined;
  #waitMs = FIRST_WAIT_MS;

  constructor(
    private readonly receive: (messages: readonly RelayMessage[]) => void,
    private readonly changed: () => void,
  ) {
    this.#open();
  }

  #open(): void {
    const socket = new WebSocket(`ws://${location.host}/?${BATCHED_QUERY}`);
    socket.onopen = () => {
      this.#waitMs = FIRST_WAIT_MS;
      this.lostAt = undefined;
      this.#become('open');
    };
    socket.onmessage = ({ data }) => this.receive(JSON.parse(String(data)));
    socket.onclose = () => {
      if (this.status === 'open') this.lostAt = Date.now();
      this.#become('waiting');
      setTimeout(() => this.#open(), this.#waitMs);
      this.#waitMs = Math.min(this.#waitMs * 1.6, LONGEST_WAIT_MS);
    };
  }

  #become(status: ConnectionStatus): void {
    this.status = status;
    this.changed();
  }
}
