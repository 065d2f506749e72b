/** Light, dark, or as the system is. */
export type Theme = 'system' | 'light' | 'dark';

const STORED = 'weir.theme';
const themes: readonly Theme[] = ['system', 'light', 'dark'];
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

/** Colours for what can be pressed; `water` is Weir's own. */
export type Accent = 'water' | 'blue' | 'violet' | 'pink' | 'amber' | 'green';
export const accents: readonly Accent[] = ['water', 'blue', 'violet', 'pink', 'amber', 'green'];

const STORED_ACCENT = 'weir.accent';

class Appearance {
  accent = $state<Accent>(accents.find((accent) => accent === localStorage.getItem(STORED_ACCENT)) ?? 'water');

  /** What the person chose. */
  theme = $state<Theme>(themes.find((theme) => theme === localStorage.getItem(STORED)) ?? 'system');

  /** What is seen. */
  shown = $state<'light' | 'dark'>('light');

  constructor() {
    systemIsDark.addEventListener('change', () => this.show());
    this.show();
  }

  choose(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(STORED, theme);
    this.show();
  }

  paint(accent: Accent): void {
    this.accent = accent;
    localStorage.setItem(STORED_ACCENT, accent);
    this.show();
  }

  private show(): void {
    const dark = this.theme === 'dark' || (this.theme === 'system' && systemIsDark.matches);
    this.shown = dark ? 'dark' : 'light';
    document.documentElement.dataset.theme = this.shown;
    document.documentElement.dataset.accent = this.accent;
  }
}

export const appearance = new Appearance();
