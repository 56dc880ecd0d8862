import * as Alert from "@radix-ui/react-alert-dialog";
import * as Dialog from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";

interface ModalProps {
  open: boolean;
  onOpen: (open: boolean) => void;
  title: string;
  children: ReactNode;
}

export function Modal({ open, onOpen, title, children }: ModalProps) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpen}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="modal" aria-describedby={undefined}>
          <Dialog.Title>{title}</Dialog.Title>
          {children}
          <Dialog.Close className="icon-button modal-close">
            <X size={18} aria-hidden="true" />
            <span className="visually-hidden">Close</span>
          </Dialog.Close>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface ConfirmProps extends Omit<ModalProps, "children"> {
  text: string;
  act: string;
  onConfirm: () => void;
}

/** A question before what cannot be undone. */
export function Confirm({ open, onOpen, title, text, act, onConfirm }: ConfirmProps) {
  return (
    <Alert.Root open={open} onOpenChange={onOpen}>
      <Alert.Portal>
        <Alert.Overlay className="overlay" />
        <Alert.Content className="modal modal-small">
          <Alert.Title>{title}</Alert.Title>
          <Alert.Description>{text}</Alert.Description>
          <div className="modal-acts">
            <Alert.Cancel className="button">Cancel</Alert.Cancel>
            <Alert.Action className="button button-bad" onClick={onConfirm}>
              {act}
            </Alert.Action>
          </div>
        </Alert.Content>
      </Alert.Portal>
    </Alert.Root>
  );
}
