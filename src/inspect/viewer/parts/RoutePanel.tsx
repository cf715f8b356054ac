import type { RouteStats, RoutesMessage } from '../../messages/InspectionMessage';
import type { ViewerState } from '../store/ViewerState';
import { formatLatency } from './formatTime';

const WIDTH = 240;
const HEIGHT = 44;
const REPORTS = 60;

type Route = 'handedOff' | 'reconnected';

const ROUTES: readonly { readonly route: Route; readonly name: string }[] = [
  { route: 'handedOff', name: 'handed off' },
  { route: 'reconnected', name: 'reconnected' },
];

/** The rates and latencies of both routes, if a broker reports them. */
export function RoutePanel({ state }: { readonly state: ViewerState }) {
  const reports = state.store.routes
    .toArray()
    .filter(({ at }) => !state.paused || at <= state.now)
    .slice(-REPORTS);
  if (reports.length === 0) return null;
  return (
    <section class="panel routes" aria-labelledby="routes-title">
      <header class="panel-head">
        <h2 id="routes-title">Routes</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that may scroll must be reachable by keys. */}
      <section class="route-charts" tabIndex={0} aria-label="Route charts">
        <RouteChart
          title="connections per second"
          reports={reports}
          valueIn={({ count }, { intervalMs }) => (count * 1_000) / intervalMs}
          format={(value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'))}
        />
        <RouteChart
          title="latency, median"
          reports={reports}
          valueIn={({ latencyMs }) => latencyMs?.p50}
          format={formatLatency}
        />
      </section>
    </section>
  );
}

interface RouteChartProps {
  readonly title: string;
  readonly reports: readonly RoutesMessage[];
  readonly valueIn: (stats: RouteStats, report: RoutesMessage) => number | undefined;
  readonly format: (value: number) => string;
}

function RouteChart({ title, reports, valueIn, format }: RouteChartProps) {
  const series = ROUTES.map(({ route, name }) => ({
    route,
    name,
    values: reports.map((report) => valueIn(report[route], report)),
  }));
  const top = Math.max(0.001, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  return (
    <figure class="route-chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {series.map(({ route, values }) => (
          <path key={route} class={`line ${route}`} d={line(values, top)} />
        ))}
      </svg>
      <dl>
        {series.map(({ route, name, values }) => {
          const latest = values.findLast((value) => value !== undefined);
          return (
            <div key={route} class={route}>
              <dt>
                <svg viewBox="0 0 22 4" width="22" height="4" aria-hidden="true">
                  <path class={`line ${route}`} d="M0 2h22" />
                </svg>
                {name}
              </dt>
              <dd>{latest === undefined ? '–' : format(latest)}</dd>
            </div>
          );
        })}
      </dl>
    </figure>
  );
}

function line(values: readonly (number | undefined)[], top: number): string {
  const stepX = WIDTH / Math.max(1, REPORTS - 1);
  const startX = WIDTH - (values.length - 1) * stepX;
  let path = '';
  let pen = 'M';
  values.forEach((value, index) => {
    if (value === undefined) {
      pen = 'M';
      return;
    }
    const y = HEIGHT - 3 - (value / top) * (HEIGHT - 6);
    path += `${pen}${(startX + index * stepX).toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  });
  return path;
}
