import { scaleLinear } from "@visx/scale";
import { LinePath } from "@visx/shape";
import { millis } from "../format";

const WIDTH = 84;
const HEIGHT = 22;
const SHOWN = 12;

/** The last answers of a call: how long the caller waited for each, and the newest in words. */
export function Sparkline({ answers }: { answers: number[] }) {
  const shown = answers.slice(-SHOWN);
  const last = shown.at(-1);
  if (last === undefined) return null;
  const x = scaleLinear({ domain: [0, Math.max(1, shown.length - 1)], range: [2, WIDTH - 3] });
  const y = scaleLinear({ domain: [0, Math.max(1500, ...shown)], range: [HEIGHT - 2, 2] });
  return (
    <span className={`spark ${last > 1500 ? "spark-slow" : ""}`}>
      {shown.length > 1 && (
        <svg
          width={WIDTH}
          height={HEIGHT}
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          <LinePath data={shown} x={(_, at) => x(at)} y={(ms) => y(ms)} className="spark-line" />
          <circle cx={x(shown.length - 1)} cy={y(last)} r={2.5} className="spark-end" />
        </svg>
      )}
      <span>
        <span className="visually-hidden">Last answer after </span>
        {millis(last)}
      </span>
    </span>
  );
}
