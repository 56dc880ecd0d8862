import { QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { queries, redeemStartLink } from "./session";
import { applyTheme } from "./theme";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/live.css";
import "./styles/pages.css";

applyTheme();
if (location.pathname === "/") history.replaceState(null, "", `/app${location.search}${location.hash}`);
// The dialogs' library adds one style element of its own; the content security policy knows it by this.
setNonce(document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "");

const root = document.getElementById("root");
if (root) {
  void redeemStartLink().then(() =>
    createRoot(root).render(
      <StrictMode>
        <QueryClientProvider client={queries}>
          <App />
        </QueryClientProvider>
      </StrictMode>,
    ),
  );
}
