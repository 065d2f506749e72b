/** Whether live pictures are shown. Off, the engine has no reader for them at all. */
const STORED = 'weir.pictures';

class Pictures {
  on = $state(localStorage.getItem(STORED) !== 'off');

  choose(on: boolean): void {
    this.on = on;
    localStorage.setItem(STORED, on ? 'on' : 'off');
  }
}

export const pictures = new Pictures();
