import { RECONNECT_REASON_WORDS, RECONNECT_REASONS, type ReasonWords } from '../../../../machines/vocabulary';
import type { ViewerState } from '../store/ViewerState';

const SECONDS = 60;
const BAR = 3;
const GAP = 1;
const LANE_HEIGHT = 16;

/** Attempts first, then the reasons to reconnect. */
const ORDER: readonly string[] = ['attempt', ...RECONNECT_REASONS];

/** The decisions of the last 60 seconds: a lane for each decision, a bar for each second. */
export function DecisionPanel({ state }: { readonly state: ViewerState }) {
  const second = Math.floor(state.now / 1_000);
  const lanes = [...state.store.decisions.counts(second * 1_000, SECONDS)].sort(
    ([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b),
  );
  const most = Math.max(1, ...lanes.flatMap(([, counts]) => counts));
  const width = SECONDS * (BAR + GAP);
  return (
    <section class="panel decisions" aria-labelledby="decisions-title">
      <header class="panel-head">
        <h2 id="decisions-title">Decisions</h2>
        <p class="panel-note">last {SECONDS} s</p>
      </header>
      {lanes.length === 0 ? (
        <p class="empty">No request has been answered yet.</p>
      ) : (
        <table class="lanes" aria-label={`Answers of the last ${SECONDS} seconds`}>
          <tbody>
            {lanes.map(([decision, counts]) => (
              <tr key={decision} class={laneTone(decision)}>
                <th scope="row">{decision}</th>
                <td>
                  <svg
                    viewBox={`0 0 ${width} ${LANE_HEIGHT}`}
                    preserveAspectRatio="none"
                    class="lane"
                    aria-hidden="true"
                  >
                    <path d={bars(counts, most)} />
                  </svg>
                </td>
                <td class="lane-count">
                  {counts.reduce((sum, count) => sum + count, 0).toLocaleString('en')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function laneTone(decision: string): string {
  const tones: Readonly<Partial<Record<string, ReasonWords>>> = RECONNECT_REASON_WORDS;
  return `tone-${tones[decision]?.tone ?? 'busy'}`;
}

/** The path of a lane. A square-root scale keeps single events visible beside bursts. */
function bars(counts: readonly number[], most: number): string {
  return counts
    .map((count, index) => {
      if (count === 0) return '';
      const height = Math.max(2, Math.sqrt(count / most) * LANE_HEIGHT);
      return `M${index * (BAR + GAP)} ${LANE_HEIGHT}v${-height}h${BAR}v${height}z`;
    })
    .join('');
}
