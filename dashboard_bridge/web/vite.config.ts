import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Paths of the server that the page asks; in `npm run dev` they go to a server on its usual port.
const ASKED = ["/login", "/logout", "/me", "/shops", "/shop", "/calls", "/bookings", "/health", "/metrics"];

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // Everything comes from the server as a file of its own: the content security policy allows no data: script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      ...Object.fromEntries(ASKED.map((path) => [path, "http://127.0.0.1:5001"])),
      "/ops": { target: "ws://127.0.0.1:5001", ws: true },
    },
  },
});
