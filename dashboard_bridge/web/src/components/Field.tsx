import { type InputHTMLAttributes, type TextareaHTMLAttributes, useId } from "react";

interface Told {
  label: string;
  error?: string | undefined;
  hint?: string;
}

type FieldProps = Told &
  (
    | ({ rows: number } & TextareaHTMLAttributes<HTMLTextAreaElement>)
    | ({ rows?: undefined } & InputHTMLAttributes<HTMLInputElement>)
  ) & { ref?: React.Ref<never> };

/** A labelled field that says what is wrong with it. */
export function Field({ label, error, hint, ...rest }: FieldProps) {
  const id = useId();
  const notes = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ") || undefined;
  const shared = { id, "aria-invalid": error ? true : undefined, "aria-describedby": notes };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {rest.rows === undefined ? <input {...rest} {...shared} /> : <textarea {...rest} {...shared} />}
      {error && (
        <p className="problem" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint && (
        <p className="quiet" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
