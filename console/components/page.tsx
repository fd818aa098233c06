import type { ReactNode } from 'react'

export interface PageProps {
  /** Seen where the page shows it by itself. */
  readonly title: string
  readonly children: ReactNode
}

/** A page that fills the window, with a heading for who moves by headings. */
export function Page({ title, children }: PageProps) {
  return (
    <div className="page filled">
      <h1 className="unseen">{title}</h1>
      {children}
    </div>
  )
}
