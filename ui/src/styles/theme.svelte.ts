/** Light, dark, or as the system is. */
export type Theme = 'system' | 'light' | 'dark';

const STORED = 'weir.theme';
const themes: readonly Theme[] = ['system', 'light', 'dark'];
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

class Appearance {
  theme = $state<Theme>(themes.find((theme) => theme === localStorage.getItem(STORED)) ?? 'system');

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
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  }
}

export const appearance = new Appearance();
