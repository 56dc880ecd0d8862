import { useQuery } from "@tanstack/react-query";
import { api } from "../api";
import { VendorChip } from "../components/chips";
import { Card, Failure, Head, Loading } from "../components/states";
import { words } from "../format";
import { useLive } from "../live/store";
import { readMetrics } from "../prometheus";
import type { VendorState } from "../wire";

const VENDORS: Record<string, [string, string]> = {
  deepgram: ["Deepgram", "Speech to text"],
  openai: ["OpenAI", "Language model"],
  cartesia: ["Cartesia", "Text to speech"],
  twilio: ["Twilio", "Telephone"],
  store: ["Store", "Shops, calls, appointments"],
};
const REFRESH_MS = 10_000;

/** How the vendors, the store and the server itself are doing. */
export default function Health() {
  const told = useLive((live) => live.vendors);
  const { data, error, refetch } = useQuery({
    queryKey: ["vendors"],
    queryFn: api.vendors,
    refetchInterval: REFRESH_MS,
  });
  const vendors = { ...data, ...told };
  return (
    <div className="page">
      <Head title="Health" sub="What the phones depend on, as it is now." />
      {error && <Failure error={error} again={() => void refetch()} />}
      <ul className="vendors">
        {Object.entries(vendors).map(([name, state]) => (
          <Vendor key={name} name={name} state={state} />
        ))}
      </ul>
      <Counters />
    </div>
  );
}

function Vendor({ name, state }: { name: string; state: VendorState }) {
  const [title, what] = VENDORS[name] ?? [words(name), ""];
  return (
    <li className={`vendor vendor-${state}`}>
      <span>
        <strong>{title}</strong>
        <span className="quiet">{what}</span>
      </span>
      <VendorChip state={state} />
    </li>
  );
}

function Counters() {
  const { data, error } = useQuery({ queryKey: ["metrics"], queryFn: api.metrics, refetchInterval: REFRESH_MS });
  if (error) return <Failure error={error} />;
  if (!data) return <Loading />;
  const samples = readMetrics(data);
  return (
    <Card title="Counters" count={samples.length}>
      <table className="table table-tight">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Of</th>
            <th scope="col" className="number">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {samples.map((sample) => (
            <tr key={`${sample.name}${sample.labels}`}>
              <th scope="row" title={sample.help}>
                {sample.name}
              </th>
              <td className="quiet">{sample.labels}</td>
              <td className="number">{sample.value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
