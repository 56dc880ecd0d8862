import { lazy, Suspense } from "react";
import { Route, Router, Switch } from "wouter";
import { ApiError } from "./api";
import { Shell } from "./components/Shell";
import { Failure, Loading } from "./components/states";
import { useMe } from "./session";
import { Login } from "./views/Login";
import { Wall } from "./views/Wall";

const Calls = lazy(() => import("./views/Calls"));
const CallPage = lazy(() => import("./views/CallPage"));
const Shops = lazy(() => import("./views/Shops"));
const ShopHome = lazy(() => import("./views/ShopHome"));
const Proposals = lazy(() => import("./views/Proposals"));
const AddShop = lazy(() => import("./views/AddShop"));
const Knowledge = lazy(() => import("./views/Knowledge"));
const Health = lazy(() => import("./views/Health"));

export function App() {
  const { data: me, error, refetch } = useMe();
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    return <Login onIn={() => void refetch()} />;
  }
  if (error) return <Failure error={error} again={() => void refetch()} />;
  if (!me) return <Loading />;
  return (
    <Router base="/app">
      <Shell me={me}>
        <Suspense fallback={<Loading />}>
          <Pages />
        </Suspense>
      </Shell>
    </Router>
  );
}

function Pages() {
  return (
    <Switch>
      <Route path="/calls">{() => <Calls />}</Route>
      <Route path="/calls/:sid">{({ sid }) => <CallPage callSid={decodeURIComponent(sid)} />}</Route>
      <Route path="/shops">{() => <Shops />}</Route>
      <Route path="/shops/new">{() => <AddShop />}</Route>
      <Route path="/shops/:id">{({ id }) => <ShopHome locationId={Number(id)} />}</Route>
      <Route path="/shops/:id/changes">{({ id }) => <Proposals locationId={Number(id)} />}</Route>
      <Route path="/shops/:id/knowledge">{({ id }) => <Knowledge locationId={Number(id)} />}</Route>
      <Route path="/health">{() => <Health />}</Route>
      <Route path="/live/:sid">{({ sid }) => <Wall callSid={decodeURIComponent(sid)} />}</Route>
      <Route>{() => <Wall />}</Route>
    </Switch>
  );
}
