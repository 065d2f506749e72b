/** Light, dark, or as the system is. */
export type Theme = 'system' | 'light' | 'dark';

const STORED = 'weir.theme';
const themes: readonly Theme[] = ['system', 'light', 'dark'];
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

class Appearance {
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

  private show(): void {
    const dark = this.theme === 'dark' || (this.theme === 'system' && systemIsDark.matches);
    this.shown = dark ? 'dark' : 'light';
    document.documentElement.dataset.theme = this.shown;
  }
}

export const appearance = new Appearance();
