// What VS Code's own webview script does between its widget manager and a kernel, as far as a widget needs it.
import { type Kernel, KernelMessage, ServerConnection } from "@jupyterlab/services";
import { KernelConnection } from "@jupyterlab/services/lib/kernel/default";

const WIDGET = "application/vnd.jupyter.widget-view+json";

interface Manager {
  get_model(id: string): Promise<unknown>;
  create_view(model: unknown, options: { el: HTMLElement }): Promise<unknown>;
  display_view(data: unknown, view: unknown, options: { node: HTMLElement }): Promise<unknown>;
}

interface ScriptLoader {
  readonly widgetsRegisteredInRequireJs: ReadonlySet<string>;
  loadWidgetScript(module: string, version: string): Promise<void>;
  successHandler(): void;
  errorHandler(name: string, module: string, version: string, error: unknown): void;
}

declare global {
  interface Window {
    vscIPyWidgets8: { load(): void };
    vscIPyWidgets: {
      WidgetManager: new (
        kernel: Kernel.IKernelConnection,
        el: HTMLElement,
        scripts: ScriptLoader,
        log: (message: string) => void,
      ) => Manager;
    };
    requirejs: { config(options: { paths: Record<string, string> }): void };
    connect(model: Kernel.IModel, token: string): void;
    run(code: string): Promise<void>;
  }
}

/** VS Code passes binary messages to its webview as arrays of numbers. */
class WebviewSocket extends WebSocket {
  override set onmessage(listener: ((event: MessageEvent) => void) | null) {
    super.onmessage =
      listener &&
      ((event) => {
        const { data } = event;
        if (!(data instanceof ArrayBuffer)) return listener(event);
        const posted: number[] = structuredClone([...new Uint8Array(data)]);
        listener(new MessageEvent("message", { data: Uint8Array.from(posted).buffer }));
      });
  }
}

let kernel: KernelConnection;
let manager: Manager;

window.connect = (model, token) => {
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: location.origin,
    wsUrl: location.origin.replace("http", "ws"),
    token,
    appendToken: true,
    WebSocket: WebviewSocket,
  });
  kernel = new KernelConnection({ model, serverSettings, handleComms: true });
  window.vscIPyWidgets8.load();
  const scripts: ScriptLoader = {
    widgetsRegisteredInRequireJs: new Set(),
    async loadWidgetScript(module) {
      window.requirejs.config({ paths: { [module]: `/vscode/nbextensions/${module}/index` } });
    },
    successHandler() {},
    errorHandler(name, module, version, error) {
      console.error(`no ${name} of ${module} ${version}`, error);
    },
  };
  manager = new window.vscIPyWidgets.WidgetManager(kernel, document.body, scripts, () => {});
};

/** Runs a cell and shows the widget that it ends with. */
window.run = async (code) => {
  const cell = kernel.requestExecute({ code });
  cell.onIOPub = async (message) => {
    if (KernelMessage.isErrorMsg(message)) throw new Error(message.content.traceback.join("\n"));
    if (!KernelMessage.isExecuteResultMsg(message)) return;
    const shown = message.content.data[WIDGET] as { model_id: string } | undefined;
    if (shown === undefined) return;
    const node = document.body.appendChild(document.createElement("div"));
    node.className = "cell-output-ipywidget-background";
    const view = await manager.create_view(await manager.get_model(shown.model_id), { el: node });
    await manager.display_view(message.content.data, view, { node });
  };
  await cell.done;
};
