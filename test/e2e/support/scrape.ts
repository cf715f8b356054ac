import { request } from 'node:http';

/** The answer of an HTTP server at a URL, or of one on a Unix-domain socket. */
export function get(
  address: string,
  path = '/metrics',
  headers: Record<string, string> = {},
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const target = address.startsWith('http')
    ? { host: '127.0.0.1', port: new URL(address).port }
    : { socketPath: address };
  return new Promise((resolve, reject) => {
    // Each on a connection of its own: one that is kept could have been closed in the meantime.
    const options = { ...target, path, agent: false, headers: { Host: 'localhost', ...headers } };
    const sent = request(options, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** One line of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The metrics of an endpoint. */
export async function scrape(address: string): Promise<Sample[]> {
  const { status, body } = await get(address);
  if (status !== 200) throw new Error(`${status} ${body}`);
  return samplesOf(body);
}

/** What is in Prometheus' text format. */
export function samplesOf(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(({ 1: key = '', 2: named = '' }) => [
        key,
        named,
      ]);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}
