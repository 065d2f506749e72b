/**
 * The real page before a made-up engine, to look at states that are hard to bring about. Not part of the build:
 * `npm run dev:ui`, then /dev/?scene=live&theme=dark&kind=window#/settings
 */
import { mount } from 'svelte';

import App from '../src/app/App.svelte';
import { locale, type Language } from '../src/i18n/i18n.svelte';
import { appearance, type Theme } from '../src/styles/theme.svelte';
import { madeUpHost } from './engine';
import { scenes, type SceneName } from './scenes';

const wanted = new URLSearchParams(location.search);
const scene = (wanted.get('scene') ?? 'live') as SceneName;
appearance.choose((wanted.get('theme') ?? 'system') as Theme);
locale.choose((wanted.get('language') ?? 'en') as Language);

const target = document.getElementById('app');
if (!target) throw new Error('no #app');
mount(App, { target, props: { host: madeUpHost(scenes[scene](), wanted.get('kind') === 'window' ? 'window' : 'browser') } });
