import './host/posix-locale';

import { mount } from 'svelte';

import App from './app/App.svelte';
import { host } from './host';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
mount(App, { target, props: { host: host() } });
