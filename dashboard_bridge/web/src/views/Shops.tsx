import { useQuery } from "@tanstack/react-query";
import { ChevronRight, Plus, Store } from "lucide-react";
import { Link } from "wouter";
import { api } from "../api";
import { Empty, Failure, Head, Loading } from "../components/states";
import { phone } from "../format";
import { ownsAny, useMe } from "../session";

/** Every shop we may see. */
export default function Shops() {
  const { data: me } = useMe();
  const { data: shops, error, refetch } = useQuery({ queryKey: ["shops"], queryFn: api.shops });
  return (
    <div className="page">
      <Head title="Shops" sub="Each with its own number, hours, menu and book.">
        {ownsAny(me) && (
          <Link href="/shops/new" className="button button-main">
            <Plus size={16} aria-hidden="true" /> Add a shop
          </Link>
        )}
      </Head>
      {error && <Failure error={error} again={() => void refetch()} />}
      {!shops && !error && <Loading />}
      {shops?.length === 0 && (
        <Empty title="No shop yet" icon={<Store size={28} aria-hidden="true" />}>
          <p>Add one from its website; that takes about a minute.</p>
        </Empty>
      )}
      <ul className="shop-list">
        {shops?.map((shop) => (
          <li key={shop.location_id}>
            <Link href={`/shops/${shop.location_id}`} className="shop-row">
              <Store size={20} aria-hidden="true" />
              <span>
                <strong>{shop.business_name}</strong>
                <span className="quiet">
                  {phone(shop.phone_number)} · {shop.timezone}
                </span>
              </span>
              <ChevronRight size={18} aria-hidden="true" />
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
