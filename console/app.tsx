import { QueryClientProvider } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { Route, Router, Switch } from 'wouter'
import { Header } from './components/header.tsx'
import { Page } from './components/page.tsx'
import { Empty, Loading } from './components/states.tsx'
import { SessionProvider } from './contract/session.tsx'
import { createQueries } from './data/live.ts'
import { TasksPage } from './pages/tasks/tasks-page.tsx'

/** What draws plots comes when it is needed. */
const TaskPage = lazy(async () => ({ default: (await import('./pages/task/task-page.tsx')).TaskPage }))
const NowPage = lazy(async () => ({ default: (await import('./pages/now/now-page.tsx')).NowPage }))
const AccuracyPage = lazy(async () => ({
  default: (await import('./pages/accuracy/accuracy-page.tsx')).AccuracyPage,
}))

export function App() {
  const [queries] = useState(createQueries)
  return (
    <SessionProvider>
      <QueryClientProvider client={queries}>
        <Router base="/console">
          <a className="skip" href="#main">
            To the content
          </a>
          <Header />
          <main id="main" tabIndex={-1}>
            <Suspense fallback={<Loading what="the page" />}>
              <Switch>
                <Route path="/" component={TasksPage} />
                <Route path="/task" component={TaskPage} />
                <Route path="/now" component={NowPage} />
                <Route path="/accuracy" component={AccuracyPage} />
                <Route>
                  <Page title="No page">
                    <Empty title="There is no such page">
                      <p>The pages are named above.</p>
                    </Empty>
                  </Page>
                </Route>
              </Switch>
            </Suspense>
          </main>
        </Router>
      </QueryClientProvider>
    </SessionProvider>
  )
}
