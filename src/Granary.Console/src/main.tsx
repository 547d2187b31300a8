import { render } from 'preact';
import { loadSettings, lose } from './api/client';
import { App } from './App';

loadSettings().catch(lose);
render(<App />, document.getElementById('app')!);
