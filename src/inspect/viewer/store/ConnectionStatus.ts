/** Status of the connection to the relay. `waiting`: closed, and reconnecting soon. */
export type ConnectionStatus = 'connecting' | 'open' | 'waiting';
