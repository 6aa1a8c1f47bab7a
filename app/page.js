() => {
    document.documentElement.lang = document.getElementById("language").textContent;
    // Screen readers hear what a card says in a word, at the start and at the end; Gradio's own timer lives in the card.
    const status = document.createElement("div");
    status.id = "spoken";
    status.setAttribute("role", "status");
    document.body.append(status);
    const said = {};
    new MutationObserver(() => {
    document.documentElement.lang = document.getElementById("language").textContent;
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
    // A click on the photo beneath the heat map is one on the map: Gradio tells of clicks on a single picture only.
    const drawn = image => {
        const box = image.getBoundingClientRect();
        const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
        const [width, height] = [scale * image.naturalWidth, scale * image.naturalHeight];
        return {left: box.left + (box.width - width) / 2, top: box.top + (box.height - height) / 2, width, height};
    };
    let pressed;
    document.addEventListener("pointerdown", event => pressed = event, {capture: true});
    document.addEventListener("click", event => {
        const photo = event.target.closest("#overlay") && document.querySelector("#overlay img");
        const map = document.querySelector("#heat img");
        const dragged = pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > 4;
        if (!photo || !map || dragged || event.target.closest("#overlay button")) return;
        const from = drawn(photo), to = drawn(map);
        const across = (event.clientX - from.left) / from.width, down = (event.clientY - from.top) / from.height;
        if (across < 0 || across >= 1 || down < 0 || down >= 1) return;
        const at = {clientX: to.left + across * to.width, clientY: to.top + down * to.height, bubbles: true};
        map.dispatchEvent(new MouseEvent("click", at));
    });
}
