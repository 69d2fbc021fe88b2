/** @file The two pictures of a clip, a frame and its motion, and what moves through them: the slider, the play button, the keys. */

import { byId } from '../shared/dom.ts';
import { MotionPainter } from '../shared/motion_painter.ts';
import { isDark, onThemeChange } from '../shared/theme.ts';
import { clock } from '../shared/words.ts';
import type { FilmStore } from './film_store.ts';

export class Player {
  private readonly frame = byId('frame', HTMLCanvasElement);
  private readonly motion = byId('motion', HTMLCanvasElement);
  private readonly position = byId('position', HTMLInputElement);
  private readonly play = byId('play', HTMLButtonElement);
  private readonly time = byId('time', HTMLElement);
  private readonly frameFact = byId('frame-fact', HTMLElement);
  private readonly motionFact = byId('motion-fact', HTMLElement);
  private readonly painter = new MotionPainter();
  private film: FilmStore | undefined;
  private fps = 25;
  private index = 0;
  /** Shows whatever comes last: a camera, or a clip that nobody has touched yet. */
  private following = true;
  private timer: number | undefined;

  /** @param onSeek Is told of each new position, and whether a hand went there. */
  constructor(private readonly onSeek: (byHand: boolean) => void) {
    this.position.addEventListener('input', () => {
      this.stop();
      this.seek(Number(this.position.value), true);
    });
    this.play.addEventListener('click', () => (this.timer === undefined ? this.start() : this.stop()));
    onThemeChange(() => this.draw());
  }

  get current(): number {
    return this.index;
  }

  /** Begins with another clip. */
  open(film: FilmStore, fps: number): void {
    this.stop();
    this.film = film;
    this.fps = fps;
    this.index = 0;
    this.following = true;
    this.position.value = '0';
    this.position.max = '0';
    for (const canvas of [this.frame, this.motion]) {
      canvas.getContext('2d')?.clearRect(0, 0, canvas.width, canvas.height);
    }
    this.draw();
  }

  /** There are more frames or motions than before. */
  grown(): void {
    const { film } = this;
    if (!film) return;
    this.position.max = String(Math.max(0, film.last));
    if (this.following && film.latest >= 0) this.index = film.latest;
    this.position.value = String(this.index);
    this.draw();
  }

  /** Goes to a frame, and no longer follows what comes. */
  seek(index: number, byHand = false): void {
    this.following = false;
    this.index = Math.min(Math.max(0, index), Math.max(0, this.film?.last ?? 0));
    this.position.value = String(this.index);
    this.draw();
    this.onSeek(byHand);
  }

  /** Plays once around from the beginning; nothing where somebody prefers less motion. */
  start(): void {
    this.following = false;
    this.stop();
    if (this.index >= (this.film?.last ?? 0)) this.index = -1;
    this.timer = window.setInterval(() => this.step(), 1000 / this.fps);
    this.play.setAttribute('aria-label', 'Pause');
    this.play.classList.add('playing');
  }

  stop(): void {
    if (this.timer !== undefined) clearInterval(this.timer);
    this.timer = undefined;
    this.play.setAttribute('aria-label', 'Play');
    this.play.classList.remove('playing');
  }

  private step(): void {
    const last = this.film?.last ?? 0;
    this.seek(this.index >= last ? 0 : this.index + 1);
  }

  private draw(): void {
    const { film, index } = this;
    const frame = film?.frame(index);
    const context = this.frame.getContext('2d')!;
    if (frame) {
      const { width, height, rgba, time } = frame;
      if (this.frame.width !== width) this.frame.width = width;
      if (this.frame.height !== height) this.frame.height = height;
      this.frame.style.aspectRatio = this.motion.style.aspectRatio = `${width} / ${height}`;
      context.putImageData(new ImageData(rgba, width, height), 0, 0);
      this.time.textContent = clock(time);
      this.position.setAttribute('aria-valuetext', `${clock(time)}, frame ${index + 1}`);
      this.frameFact.textContent = `${index + 1}`;
    }
    const motion = film?.motion(index) ?? film?.motion(index - 1);
    if (!film || !motion) {
      this.motionFact.textContent = '';
      return;
    }
    const length = Math.max(0.25, film.length);
    this.painter.paint(this.motion.getContext('2d')!, motion, length, isDark() ? 'black' : 'white');
    this.motionFact.textContent = `full colour: ${length.toFixed(1)} px of ${motion.width}×${motion.height}`;
  }
}
