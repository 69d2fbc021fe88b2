/** @file Files that are dropped on the page or chosen by a button. */

interface DropZoneOptions {
  /** What shows that a file may be dropped; the files may land anywhere in it. */
  readonly target: HTMLElement;
  /** Chooses files by keyboard and pointer. */
  readonly input: HTMLInputElement;
  readonly onFiles: (files: readonly File[]) => void;
}

/** Marks `target` with the class `over` while files are held above it. */
export function dropZone({ target, input, onFiles }: DropZoneOptions): void {
  // Entering a child leaves its parent: only the count of both says when the pointer is outside.
  let inside = 0;
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  const leave = (): void => {
    inside = 0;
    target.classList.remove('over');
  };
  target.addEventListener('dragenter', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    inside++;
    target.classList.add('over');
  });
  target.addEventListener('dragleave', (event) => {
    if (holdsFiles(event) && --inside <= 0) leave();
  });
  target.addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer!.dropEffect = 'copy';
  });
  target.addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    leave();
    // A zone within this one has taken them.
    if (event.defaultPrevented) return;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) onFiles(files);
  });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    // The same file may be chosen again.
    input.value = '';
    if (files.length > 0) onFiles(files);
  });
}
