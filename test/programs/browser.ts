/** Chromium without a window, which reaches nothing but the tap. */
import { join } from 'node:path'
import type { RunningProcess } from '../support/namespace.ts'
import type { TapLink } from './tap-link.ts'

/** Everything that a browser does on its own account is off; it has no way to anywhere in any case. */
const QUIET = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-client-side-phishing-detection',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-sync',
  '--metrics-recording-only',
  '--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater',
  '--dns-prefetch-disable',
  '--password-store=basic',
]

/** Opens a page, in a profile of its own. */
export function browse(link: TapLink, url: string, more: readonly string[] = []): RunningProcess {
  const profile = join(link.folder, 'profile')
  const home = {
    HOME: profile,
    XDG_CONFIG_HOME: profile,
    XDG_CACHE_HOME: profile,
    DBUS_SESSION_BUS_ADDRESS: 'disabled:',
  }
  return link.namespace.spawn('chromium', [...QUIET, ...more, `--user-data-dir=${profile}`, url], { environment: home })
}
