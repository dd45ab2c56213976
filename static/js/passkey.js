// Passkeys: a form with data-passkey asks the browser for one, or has it make one, and sends what the browser answers.
// What is asked stands in the page, or is fetched from data-options when the button is pressed.
(() => {
  "use strict";

  const isKnown = () => Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

  async function asked(form) {
    const inPage = document.getElementById("passkey-options");
    if (inPage) return JSON.parse(inPage.textContent);
    const response = await fetch(form.dataset.options, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  // A passkey that lets in alone is kept by the device itself, which asks for a finger or a PIN.
  function chosen(options, isAlone) {
    const key = isAlone ? "required" : "discouraged";
    const more = { residentKey: key, requireResidentKey: isAlone, userVerification: isAlone ? "required" : "preferred" };
    return { ...options, authenticatorSelection: { ...options.authenticatorSelection, ...more } };
  }

  async function credential(form) {
    const options = await asked(form);
    if (options.creation_options) {
      const wanted = chosen(options.creation_options.publicKey, form.elements.passwordless.checked);
      return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(wanted) });
    }
    return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.request_options.publicKey) });
  }

  async function submit(form) {
    const problem = form.querySelector("[data-problem]");
    problem.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify((await credential(form)).toJSON());
      form.submit();
    } catch {
      problem.hidden = false;
    }
  }

  function start(form) {
    form.querySelector("[data-start]").hidden = !isKnown();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form);
    });
  }

  document.querySelectorAll("form[data-passkey]").forEach(start);
})();
