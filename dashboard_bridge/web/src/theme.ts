// Light or dark: as the machine says, or as chosen here.

export type Theme = "light" | "dark" | "system";

const KEPT = "chairside.theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

export function keptTheme(): Theme {
  const kept = localStorage.getItem(KEPT);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function applyTheme(theme: Theme = keptTheme()): void {
  document.documentElement.dataset.theme = theme;
}

export function nextTheme(theme: Theme): Theme {
  const next = NEXT[theme];
  localStorage.setItem(KEPT, next);
  applyTheme(next);
  return next;
}
