() => {
    // Screen readers hear what a card says in a word, at the start and at the end; Gradio's own timer lives in the card.
    const status = document.createElement("div");
    status.id = "spoken";
    status.setAttribute("role", "status");
    document.body.append(status);
    const said = {};
    new MutationObserver(() => {
        for (const card of document.querySelectorAll("#verdict [data-spoken], #frames-card [data-spoken]")) {
            const place = card.closest("[id]").id, spoken = card.dataset.spoken;
            if (said[place] !== undefined && said[place] !== spoken) status.textContent = spoken;
            said[place] = spoken;
        }
    }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-spoken"]});
    // Several photos dropped on the place for one go where several are taken.
    document.addEventListener("drop", event => {
        const files = event.dataTransfer?.files;
        if (!(files?.length > 1) || !event.target.closest("#query")) return;
        event.preventDefault();
        event.stopPropagation();
        const several = document.getElementById("several").previousElementSibling;
        several.files = files;
        several.dispatchEvent(new Event("change", {bubbles: true}));
    }, {capture: true});
}
