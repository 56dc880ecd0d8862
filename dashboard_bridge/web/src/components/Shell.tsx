import {
  Activity,
  CircleHelp,
  LogOut,
  type LucideIcon,
  Moon,
  PhoneCall,
  ReceiptText,
  Store,
  Sun,
  SunMoon,
} from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link, useRoute } from "wouter";
import { api, type Me } from "../api";
import { useSocket } from "../live/socket";
import { useLive } from "../live/store";
import { useForgetMe } from "../session";
import { keptTheme, nextTheme, type Theme } from "../theme";
import { Connection } from "./Connection";
import { Shortcuts } from "./Shortcuts";

export function Shell({ me, children }: { me: Me; children: ReactNode }) {
  const forget = useForgetMe();
  const [help, setHelp] = useState(false);
  useSocket(forget);
  const leave = () => void api.logout().finally(forget);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <aside className="side">
        <Link href="/" className="brand">
          <img src="/icon.svg" alt="" width={26} height={26} />
          <span>Chairside</span>
        </Link>
        <Navigation />
        <div className="side-foot">
          <button type="button" className="icon-button" onClick={() => setHelp(true)} title="Keyboard shortcuts (?)">
            <CircleHelp size={18} aria-hidden="true" />
            <span className="visually-hidden">Keyboard shortcuts</span>
          </button>
          <ThemeButton />
          <button type="button" className="icon-button" onClick={leave} title={`Log out ${me.name}`}>
            <LogOut size={18} aria-hidden="true" />
            <span className="visually-hidden">Log out {me.name}</span>
          </button>
          <span className="who" title={me.name}>
            {me.name}
          </span>
        </div>
      </aside>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and on some pages nothing in it takes the focus */}
      <main id="main" tabIndex={0}>
        <Connection />
        {children}
      </main>
      <Shortcuts open={help} onOpen={setHelp} />
    </div>
  );
}

function Navigation() {
  const live = useLive((state) => Object.values(state.calls).filter((call) => call.state !== "ended").length);
  return (
    <nav aria-label="Main" className="nav">
      <Item href="/" pattern="/live/:sid?" icon={PhoneCall} label="Wall" count={live} />
      <Item href="/calls" pattern="/calls/:rest?" icon={ReceiptText} label="Calls" />
      <Item href="/shops" pattern="/shops/*?" icon={Store} label="Shops" />
      <Item href="/health" pattern="/health" icon={Activity} label="Health" />
    </nav>
  );
}

interface ItemProps {
  href: string;
  pattern: string;
  icon: LucideIcon;
  label: string;
  count?: number;
}

function Item({ href, pattern, icon: Icon, label, count }: ItemProps) {
  const [inside] = useRoute(pattern);
  const [exact] = useRoute(href);
  return (
    <Link href={href} className="nav-item" aria-current={inside || exact ? "page" : undefined}>
      <Icon size={18} aria-hidden="true" />
      <span>{label}</span>
      {count ? (
        <span className="count">
          {count}
          <span className="visually-hidden"> live</span>
        </span>
      ) : null}
    </Link>
  );
}

const THEMES: Record<Theme, { icon: LucideIcon; label: string }> = {
  system: { icon: SunMoon, label: "Colours as the system" },
  light: { icon: Sun, label: "Light colours" },
  dark: { icon: Moon, label: "Dark colours" },
};

function ThemeButton() {
  const [theme, setTheme] = useState(keptTheme);
  const { icon: Icon, label } = THEMES[theme];
  return (
    <button type="button" className="icon-button" onClick={() => setTheme(nextTheme(theme))} title={label}>
      <Icon size={18} aria-hidden="true" />
      <span className="visually-hidden">{label}; change</span>
    </button>
  );
}
