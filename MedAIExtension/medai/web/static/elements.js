// Making parts of a page. Text is always set as text: nothing that anybody wrote becomes markup.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key.includes("-") || key === "for" || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

export function show(...children) {
  const screen = document.getElementById("screen");
  screen.className = "";
  screen.replaceChildren(...children);
  return screen;
}

export function say(sentence, warns = false) {
  const status = document.getElementById("status");
  // The same words again would be read out again.
  if (status.textContent !== sentence) status.textContent = sentence;
  status.classList.toggle("warns", warns);
}

// Ask a question with buttons; resolves with the chosen one's value, null when it was closed.
// input: an element whose value is asked for before any but the last button counts.
export function ask(sentence, choices, input = null) {
  return new Promise((resolve) => {
    const dialog = element("dialog", { "aria-labelledby": "question" });
    const buttons = choices.map(([text, value], place) =>
      element("button", {
        type: "button",
        class: place === 0 ? "primary" : "",
        onclick: () => {
          if (input && value !== null && !input.value.trim()) { input.focus(); return; }
          dialog.returnValue = JSON.stringify(value);
          dialog.close(dialog.returnValue);
        },
      }, text));
    dialog.append(element("p", { id: "question" }, sentence));
    if (input) dialog.append(input);
    dialog.append(element("p", { class: "row" }, ...buttons.flatMap((button) => [button, " "])));
    dialog.addEventListener("close", () => {
      const answer = dialog.returnValue ? JSON.parse(dialog.returnValue) : null;
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    (input || buttons[0]).focus();
  });
}
