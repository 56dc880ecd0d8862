import { scaleBand, scaleLinear, scaleOrdinal } from "@visx/scale";
import { BarStackHorizontal } from "@visx/shape";
import { useState } from "react";
import { millis } from "../format";
import { STAGE_NAMES, STAGES, type Stage, type TurnTiming, turnTimings } from "../timing";
import type { Timing, ToolCard } from "../wire";

const WIDTH = 360;
const ROW = 26;

type Row = Record<Stage, number> & { turn: number };

interface WaterfallProps {
  timings: Timing[];
  tools: ToolCard[];
  /** Play the recording from a turn on, where there is one. */
  onPlay?: (turn: number) => void;
}

/** Where the time of each turn went: end of speech at the left, first sound of the answer at the right. */
export function Waterfall({ timings, tools, onPlay }: WaterfallProps) {
  const turns = turnTimings(timings, tools);
  const [table, setTable] = useState(false);
  if (turns.length === 0) return <p className="quiet">No turn has been timed yet.</p>;
  return (
    <div className="waterfall">
      <div className="waterfall-top">
        <Legend turns={turns} />
        <button type="button" className="button button-small" aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? "Bars" : "Table"}
        </button>
      </div>
      {table ? <Table turns={turns} /> : <Bars turns={turns} onPlay={onPlay} />}
    </div>
  );
}

function Legend({ turns }: { turns: TurnTiming[] }) {
  const used = STAGES.filter((stage) => turns.some((turn) => turn.stages[stage] > 0));
  return (
    <ul className="legend" aria-label="Stages">
      {used.map((stage) => (
        <li key={stage}>
          <span className={`swatch stage-${stage}`} aria-hidden="true" />
          {STAGE_NAMES[stage]}
        </li>
      ))}
    </ul>
  );
}

function Bars({ turns, onPlay }: { turns: TurnTiming[]; onPlay?: (turn: number) => void }) {
  const rows: Row[] = turns.map((turn) => ({ turn: turn.turn, ...turn.stages }));
  const most = Math.max(1, ...turns.map((turn) => turn.total));
  const height = rows.length * ROW;
  const x = scaleLinear<number>({ domain: [0, most], range: [0, WIDTH] });
  const y = scaleBand<number>({ domain: rows.map((row) => row.turn), range: [0, height], padding: 0.3 });
  const color = scaleOrdinal<Stage, string>({ domain: [...STAGES], range: STAGES.map((stage) => `stage-${stage}`) });
  return (
    <div className="bars">
      <ol className="bar-labels" aria-hidden={onPlay ? undefined : "true"}>
        {turns.map((turn) => (
          <li key={turn.turn}>
            {onPlay ? (
              <button
                type="button"
                className="bar-play"
                aria-label={`Play the recording from turn ${turn.turn} on`}
                onClick={() => onPlay(turn.turn)}
              >
                ▸ Turn {turn.turn}
              </button>
            ) : (
              `Turn ${turn.turn}`
            )}
          </li>
        ))}
      </ol>
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        height={height}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Waiting time of ${turns.length} turns; the table has the numbers`}
      >
        <BarStackHorizontal<Row, Stage>
          data={rows}
          keys={[...STAGES]}
          height={height}
          y={(row) => row.turn}
          xScale={x}
          yScale={y}
          color={color}
        >
          {(stacks) =>
            stacks.flatMap((stack) =>
              stack.bars.map((bar) => (
                <rect
                  key={`${stack.key}-${bar.index}`}
                  x={bar.x}
                  y={bar.y}
                  width={Math.max(0, bar.width)}
                  height={bar.height}
                  className={bar.color}
                >
                  <title>{`${STAGE_NAMES[stack.key]}: ${millis(rows[bar.index]?.[stack.key] ?? 0)}`}</title>
                </rect>
              )),
            )
          }
        </BarStackHorizontal>
      </svg>
      <ol className="bar-totals" aria-hidden="true">
        {turns.map((turn) => (
          <li key={turn.turn}>{turn.voiceToVoice === null ? "…" : millis(turn.voiceToVoice)}</li>
        ))}
      </ol>
    </div>
  );
}

function Table({ turns }: { turns: TurnTiming[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="scroll" tabIndex={0} aria-label="Waiting time by stage">
      <table className="table table-tight">
        <thead>
          <tr>
            <th scope="col">Turn</th>
            <th scope="col" className="number">
              First sound
            </th>
            {STAGES.map((stage) => (
              <th scope="col" key={stage} className="number">
                {STAGE_NAMES[stage]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {turns.map((turn) => (
            <tr key={turn.turn}>
              <th scope="row">{turn.turn}</th>
              <td className="number">{turn.voiceToVoice === null ? "…" : millis(turn.voiceToVoice)}</td>
              {STAGES.map((stage) => (
                <td key={stage} className="number">
                  {turn.stages[stage] ? millis(turn.stages[stage]) : "–"}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
