/** Of the line to the relay. `waiting`: it's lost, and tried again soon. */
export type ConnectionStatus = 'connecting' | 'open' | 'waiting';
