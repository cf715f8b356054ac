import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { createInspectionRelay } from '../../src/inspect';
import { openBrowser } from '../browser/support/openBrowser';
import { Traffic } from '../browser/support/Traffic';

const BACKENDS = 1_000;
const EVENTS_PER_SECOND = 500;
/** A request, and how it ended. */
const EVENTS_PER_ATTEMPT = 2;
/** One attempt in so many fails. */
const FAILING_EVERY = 3;
const TICK_MS = 10;

/** How the viewer fared under load, in a real browser. */
export interface ViewerFigures {
  readonly backends: number;
  /** As they were really sent. */
  readonly eventsPerSecond: number;
  /** Frames that the browser drew; it draws 60 at most. */
  readonly framesPerSecond: number;
  /** Milliseconds between two frames, at worst. */
  readonly longestFrameMs: number;
  /** From the first byte asked for to the first chart drawn, with all backends in the list. */
  readonly firstChartMs: number;
}

interface Frames {
  readonly count: number;
  readonly elapsedMs: number;
  readonly longestMs: number;
}

/** Frames per second of the viewer with 1,000 backends at 500 events per second, measured over `seconds`. */
export async function benchViewer({ seconds }: { readonly seconds: number }): Promise<ViewerFigures> {
  const backends = Array.from({ length: BACKENDS }, (_, index) => ({
    instance: 'shared',
    serviceName: `service-${String(index).padStart(4, '0')}`,
    serviceVersion: '1.0.0',
  }));
  const traffic = new Traffic(600_000, backends);
  const relay = await createInspectionRelay({ controller: traffic.controller });
  const browser = await openBrowser();
  const stopped = new AbortController();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const asked = performance.now();
    await page.goto(relay.url);
    await page.locator('[data-state="backendHandoff.handoff.idle"][data-active="true"]').waitFor();
    const firstChartMs = performance.now() - asked;

    const startedAt = performance.now();
    let sent = 0;
    const load = (async () => {
      while (!stopped.signal.aborted) {
        const due = ((performance.now() - startedAt) / 1_000) * EVENTS_PER_SECOND;
        for (; sent < due; sent += EVENTS_PER_ATTEMPT) {
          const attempt = sent / EVENTS_PER_ATTEMPT;
          const backend = backends[attempt % BACKENDS];
          if (backend === undefined) continue;
          if (attempt % FAILING_EVERY === 0) traffic.fail(backend);
          else traffic.succeed(backend);
        }
        await delay(TICK_MS);
      }
    })();
    const frames = await countFrames(page, seconds * 1_000);
    const eventsPerSecond = sent / ((performance.now() - startedAt) / 1_000);
    stopped.abort();
    await load;
    return {
      backends: BACKENDS,
      eventsPerSecond,
      framesPerSecond: frames.count / (frames.elapsedMs / 1_000),
      longestFrameMs: frames.longestMs,
      firstChartMs,
    };
  } finally {
    stopped.abort();
    await browser.close();
    await relay.close();
    traffic.controller.dispose();
  }
}

function countFrames(page: Page, durationMs: number): Promise<Frames> {
  return page.evaluate<Frames>(`new Promise((resolve) => {
    let count = 0;
    let longestMs = 0;
    let last = performance.now();
    const start = last;
    const next = (at) => {
      count++;
      longestMs = Math.max(longestMs, at - last);
      last = at;
      if (at - start < ${durationMs}) requestAnimationFrame(next);
      else resolve({ count, elapsedMs: at - start, longestMs });
    };
    requestAnimationFrame(next);
  })`);
}
