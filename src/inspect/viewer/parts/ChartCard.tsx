import { CUT_LABEL } from '../chart/blockRows';
import type { Chart } from '../chart/Chart';
import type { ChartFocus } from './ChartFocus';

interface ChartCardProps {
  readonly chart: Chart;
  readonly focus: ChartFocus;
  /** Size of the chart in CSS pixels. */
  readonly width: number;
  readonly height: number;
  readonly scale: number;
}

const CARD_WIDTH = 300;

/** Details of the state or transition under the pointer or focus. */
export function ChartCard({ chart, focus, width, height, scale }: ChartCardProps) {
  const cardWidth = CARD_WIDTH / scale;
  const x = Math.max(0, Math.min(focus.x, width - cardWidth));
  const above = focus.y > height * 0.6;
  return (
    <div
      class="card"
      role="tooltip"
      style={{
        left: `${x}px`,
        ...(above
          ? { bottom: `${height - focus.y + 6 / scale}px` }
          : { top: `${focus.y + focus.height + 6 / scale}px` }),
        width: `${CARD_WIDTH}px`,
        transform: `scale(${1 / scale})`,
        transformOrigin: above ? 'left bottom' : 'left top',
      }}
    >
      <CardText chart={chart} focus={focus} />
    </div>
  );
}

function CardText({ chart, focus }: { readonly chart: Chart; readonly focus: ChartFocus }) {
  if (focus.of.kind === 'state') {
    const { id, description, history, tags, invokes, output, meta, cut } = focus.of.state;
    return (
      <>
        <p class="card-title">{id}</p>
        {description !== undefined && <p>{description}</p>}
        <Facts
          facts={{
            ...{ history: history ?? '', tags: tags.join(', '), invokes: invokes.join(', ') },
            ...{ output: output ?? '', meta: meta ?? '', [CUT_LABEL]: cut.join(', ') },
          }}
        />
      </>
    );
  }
  const { label, kind, event, guard, description, actions, source, targets, missingTargets, reenter } =
    focus.of.transition;
  const nameOf = (id: string) => chart.states.get(id)?.key ?? id;
  const to = [...targets.map(nameOf), ...missingTargets.map((text) => `${text} (not sent)`)].join(', ');
  return (
    <>
      <p class="card-title">
        {kind === 'after' ? 'after ' : ''}
        {label}
        {guard !== undefined && <span class="guard"> [{guard}]</span>}
      </p>
      {description !== undefined && <p>{description}</p>}
      <Facts
        facts={{
          from: nameOf(source),
          to: to === '' ? 'stays' : to + (reenter ? ' (anew)' : ''),
          event: event === label ? '' : event,
          does: actions.join(', '),
        }}
      />
    </>
  );
}

function Facts({ facts }: { readonly facts: Readonly<Record<string, string>> }) {
  const known = Object.entries(facts).filter(([, text]) => text !== '');
  if (known.length === 0) return null;
  return (
    <dl>
      {known.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}
