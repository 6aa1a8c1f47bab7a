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
        for (const card of document.querySelectorAll(":is(#verdict, #frames-card, #camera-alarms) [data-spoken]")) {
            const place = card.closest("[id]").id, spoken = card.dataset.spoken;
            if (said[place] !== undefined && said[place] !== spoken) status.textContent = spoken;
            said[place] = spoken;
        }
    }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-spoken"]});
    // Photos dropped or pasted where several are taken go there: more than one on the photo, any on the good parts.
    const hand = (event, files) => {
        const place = event.target.closest?.("#good-parts") ? "shots" : event.target.closest?.("#query") ? "several" : null;
        if (!place || !(files?.length > (place === "several" ? 1 : 0))) return;
        event.preventDefault();
        event.stopPropagation();
        const input = document.getElementById(place).previousElementSibling;
        input.files = files;
        input.dispatchEvent(new Event("change", {bubbles: true}));
    };
    document.addEventListener("drop", event => hand(event, event.dataTransfer?.files), {capture: true});
    document.addEventListener("paste", event => hand(event, event.clipboardData?.files), {capture: true});
    document.addEventListener("dragover", event => {
        if (event.target.closest?.("#good-parts")) event.preventDefault();
    }, {capture: true});
    // A file that is no picture is not shown as the browser's broken one: the card says what it is.
    const shows = event => {
        if (event.target.matches?.("#query img")) event.target.style.visibility = event.type === "error" ? "hidden" : "";
    };
    for (const type of ["load", "error"]) document.addEventListener(type, shows, {capture: true});
    // The upload button asks for a file, also where a photo is there; Gradio's own would only take that one away.
    document.addEventListener("click", event => {
        const button = event.target.closest?.("#query [data-testid=source-select] button");
        const input = document.querySelector("#query input[type=file]");
        if (!button || !input || button !== button.parentElement.querySelector("button")) return;
        event.preventDefault();
        event.stopPropagation();
        input.click();
    }, {capture: true});
    // A number typed beyond a slider's end becomes the end when its box is left: Enter leaves it.
    document.addEventListener("keydown", event => {
        if (event.key === "Enter" && event.target.matches?.(".clamped input[type=number]")) event.target.blur();
    });
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
