// The slider over epochs. Without scripts every strip shows all its epochs side by side.
(() => {
  const strips = document.querySelector(".strips");
  const slider = document.querySelector(".slider");
  if (!strips || !slider) return;
  const epochs = JSON.parse(strips.dataset.epochs);
  if (epochs.length < 2) return;
  const input = slider.querySelector("input");
  const output = slider.querySelector("output");
  const button = slider.querySelector("button");
  let timer = null;

  function show(place) {
    output.textContent = `epoch ${epochs[place]}`;
    input.setAttribute("aria-valuetext", output.textContent);
    for (const strip of strips.querySelectorAll(".strip")) {
      const frames = [...strip.querySelectorAll(".frame")];
      const until = frames.filter((frame) => Number(frame.dataset.epoch) <= epochs[place]);
      const now = until[until.length - 1] || frames[0];
      frames.forEach((frame) => frame.classList.toggle("now", frame === now));
    }
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  }
  function step() {
    input.value = (Number(input.value) + 1) % epochs.length;
    show(Number(input.value));
    if (Number(input.value) === epochs.length - 1) stop();
  }
  input.max = epochs.length - 1;
  input.value = epochs.length - 1;
  input.addEventListener("input", () => { stop(); show(Number(input.value)); });
  button.addEventListener("click", () => {
    if (timer) return stop();
    button.textContent = "Stop";
    timer = setInterval(step, 700);
  });
  slider.hidden = false;
  strips.classList.add("moving");
  show(epochs.length - 1);
})();
